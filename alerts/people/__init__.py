"""Who is responsible for which place, who of them is on duty, and in which order they are asked."""
