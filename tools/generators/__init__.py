"""Generate files from other files: sample events, alarm sections, the costs page, the expanded template."""
