"""Attendance: meetings, and who was there; each student and each device once per meeting and day."""
