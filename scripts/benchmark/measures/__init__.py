"""What is measured, one idea a file; each measure takes the run and puts figures into it."""
