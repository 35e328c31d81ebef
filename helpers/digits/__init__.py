"""Chapter 7 on real digits: the data, many networks trained side by side, and accuracy against units kept."""
