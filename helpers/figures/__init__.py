"""Every drawing of the book: `style` is the one look, then a module for each chapter."""
