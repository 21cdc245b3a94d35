"""The hotline's work orders (工单): the cases they are about, what their platforms hear, and hot issues."""
