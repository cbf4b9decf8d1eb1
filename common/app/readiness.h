// Readiness: which parts of a process can serve, and why the others cannot. What /healthz/ready and
// grpc.health.v1 say.
//
//   Readiness& readiness = process.readiness();
//   readiness.Add("health_code");                    // not ready yet
//   readiness.SetReady("health_code");
//   readiness.SetNotReady("health_code", "the log cannot be reached");
//
// Threads: all of it may be called from any; the listener runs on the caller's thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace epigrid {

class Readiness {
 public:
  // A part that is not ready: "starting".
  void Add(std::string_view part);
  void SetReady(std::string_view part) { Set(part, ""); }
  // `why` is shown to operators.
  void SetNotReady(std::string_view part, std::string_view why) { Set(part, why); }
  // Either: not ready, and why, or ready if `why` is empty.
  void Set(std::string_view part, std::string_view why);
  // From now on nothing is ready, whatever is set.
  void Stop();

  bool ready() const;  // all parts are, and Stop was not called
  bool IsReady(std::string_view part) const;
  // "ready", or a line for each part that is not.
  std::string Describe() const;
  // Called after each change, and once now; it may ask but not set. Null: nobody listens; when this
  // returns, the one before is not called any more.
  void Listen(std::function<void()> listener);

 private:
  void Tell();

  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> parts_;  // why not; empty: ready
  bool stopped_ = false;

  std::mutex listener_mutex_;  // taken before mutex_; held while the listener runs
  std::function<void()> listener_;
};

}  // namespace epigrid
