"""The commands of `woohub`: one module each."""
