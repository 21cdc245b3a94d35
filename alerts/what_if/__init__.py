"""What would happen: cases rehearsed on paper by the code that decides in earnest."""
