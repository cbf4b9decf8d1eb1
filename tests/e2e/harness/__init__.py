"""What the end-to-end tests stand on: processes, stubs, a webhook receiver and waiting. See tests/e2e/README.md."""
