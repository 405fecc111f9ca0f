"""How commands show results: tables, pages, charts, progress, help texts."""
