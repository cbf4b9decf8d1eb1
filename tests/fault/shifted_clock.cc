// Preloaded into one process it shifts that process's wall clock by as many seconds as the file
// named by SHIFTED_CLOCK_FILE holds at the time: an int64 of this machine, mapped, so that a change
// counts at once. Steady clocks stay as they are. libfaketime does more and cannot start together
// with jemalloc, which asks for the time before libfaketime is ready; this here needs nothing to be
// ready.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

volatile const int64_t* shift_seconds = nullptr;

__attribute__((constructor)) void MapShift() {
  const char* path = std::getenv("SHIFTED_CLOCK_FILE");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void* mapped =
      file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  close(file);
  shift_seconds = static_cast<const int64_t*>(mapped);
}

int64_t Shift() { return shift_seconds == nullptr ? 0 : *shift_seconds; }

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto status = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    time->tv_sec += Shift();
  return status;
}

int gettimeofday(timeval* __restrict time, void* __restrict) noexcept {
  timespec now;
  const int status = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return status;
}

time_t time(time_t* out) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
