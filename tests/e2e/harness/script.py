"""A script that starts and stops several nodes in a directory: deploy/kafka/kafka and deploy/dev/redis-cluster."""

import subprocess


class Script:
    def __init__(self, path, directory):
        self.path, self.directory = path, directory

    def __call__(self, *words, text=""):
        """One of its commands, with --directory after the command's own name or number; what it printed."""
        done = subprocess.run([self.path, *words[:2], "--directory", self.directory, *words[2:]], input=text,
                              capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, f"{self.path.name} {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, *options):
        # Not by a pipe: what is started would hold its end.
        with open(self.directory.with_suffix(".start.log"), "ab") as output:
            subprocess.run([self.path, "start", "--directory", self.directory, *options], stdout=output, stderr=output,
                           timeout=300, check=True)

    def read(self, name):
        return (self.directory / name).read_text(encoding="utf-8").strip()
