"""Attendance: meetings, and who was there; student and device count once per meeting and day."""
