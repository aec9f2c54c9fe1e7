"""What a plugin author tests a plugin with."""
