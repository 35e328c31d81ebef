"""The book's helper package: small functions that the chapters derive once and then call.

Read the modules in the order of the chapters: `problems`, `penalties`, `training`, `pruning` (chapter 1),
`landscape` and `theory` (chapters 2 to 5), `networks` (chapters 6 and 7); `plots` draws, `arguments` checks input.
"""
