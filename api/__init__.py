"""What people see and say: REST, live stream, page, command line, and the composition root (`compose`), which alone reads settings."""
