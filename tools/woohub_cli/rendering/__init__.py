"""How results look: tables, pages, charts, progress, help texts."""
