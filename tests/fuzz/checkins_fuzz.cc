// Any bytes as a file of check-ins end in rows and problems, never in a crash, and every good row
// is within its bounds.
#include <cstdint>

#include "tools/citysim/checkins.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using epigrid::Time;
  epigrid::CheckInReader reader(
      epigrid::OpenMemory(std::string_view(reinterpret_cast<const char*>(data), size)));
  epigrid::CheckIn check_in;
  epigrid::Status problem;
  uint64_t line = 0;
  const Time now = Time::FromSeconds(1'700'000'000);
  while (reader.Next(check_in, problem).value()) {
    EPIGRID_CHECK(check_in.line > line, "lines rise");
    line = check_in.line;
    if (!problem.ok()) {
      EPIGRID_CHECK(!problem.reason().empty(), "a problem has a reason");
      continue;
    }
    EPIGRID_CHECK(!check_in.user.empty() && !check_in.place.empty(), "who and where are known");
    EPIGRID_CHECK(check_in.latitude >= -90 && check_in.latitude <= 90, "latitude");
    EPIGRID_CHECK(check_in.longitude >= -180 && check_in.longitude <= 180, "longitude");
    const Time shifted = epigrid::ShiftIntoWindow(check_in.time, now);
    EPIGRID_CHECK(shifted < now && shifted >= now - std::chrono::days(14), "into the window");
  }
  return 0;
}
