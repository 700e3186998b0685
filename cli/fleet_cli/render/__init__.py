"""What a person or a script reads."""
