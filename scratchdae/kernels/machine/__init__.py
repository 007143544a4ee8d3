"""What the compiled twins are made of: registers, tiles, panels, threads, memory."""
