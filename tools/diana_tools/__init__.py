"""What Diana can do: typed tools, pure adapters, one executor and one file that opens connections."""
