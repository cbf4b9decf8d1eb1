"""Threads that do something over and over until they are told to stop.

    class Readers(Workers):
        def __init__(self, city):
            super().__init__(self._read)

        def _read(self):
            while not self._stopping.is_set():
                ...

    with Readers(city) as readers:      # or start() and stop()
        ...
"""

import threading


class Workers:
    def __init__(self, *works):
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work) for work in works]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Lets each finish what it has in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
