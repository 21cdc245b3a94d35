"""The whistle (吹哨报到): a township calls departments together for one case, and the county follows to the end."""
