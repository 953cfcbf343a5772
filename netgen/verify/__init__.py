"""The proof: one network in every runtime, value by value, and where they part."""
