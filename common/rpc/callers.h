// Callers: who may call, what they may call, and how much of the server they may take.
//
// The file, YAML, is the operator's. Its format lasts: new kinds of credentials and new keys are
// added, none changes.
//
//   version: 1
//   callers:
//     - name: east-lab                 # unique; a-z, 0-9 and '-', at most 63 characters; it appears in logs
//       agency: city-cdc               # on whose behalf; same characters
//       class: AGENCY                  # GATE, AGENCY, RESIDENT, BULK or OPERATOR
//       methods:                       # full names, or prefixes ending in '*'
//         - epigrid.health_code.v1.HealthCodeService/BatchRecordEvidence
//         - epigrid.contact_tracing.*
//       credentials:                   # any of them will do
//         - token_sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
//         - mtls_name: lab.city.example    # a DNS name in the client's certificate
//       quotas:                        # optional, each of its pairs too; of each process by itself
//         calls_per_second: 50         # over 0
//         calls_burst: 100             # how many may come at once; without it: of one second, at least 1
//         items_per_second: 20000      # what batches hold; any other call counts as one
//         items_burst: 40000
//
// Tokens are not stored, only their SHA-256 in hexadecimal (printf %s "$TOKEN" | sha256sum).
//
// Threads: a CallerDirectory may be used and replaced from any thread; who is found stays valid
// while it is held.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace epigrid {

// What kind of traffic a caller makes. Each class has a limit of its own (pipeline.h) and a place
// in the order of work (work_class.h), so that bulk never crowds out a gate.
enum class CallerClass : uint8_t {
  kGate,      // shows and checks codes
  kAgency,    // partner agencies: cases, tests, queries
  kResident,  // what residents use themselves: apps that show codes and take check-ins
  kBulk,      // imports
  kOperator,  // those who run the system
};
inline constexpr size_t kCallerClassCount = 5;

// "GATE", "AGENCY", "RESIDENT", "BULK", "OPERATOR".
std::string_view CallerClassName(CallerClass caller_class);

// How much a caller may do on an average, and at once.
struct Quota {
  double per_second = 0;  // 0: as much as it likes
  double burst = 0;
};

struct Caller {
  std::string name;
  std::string agency;
  CallerClass caller_class = CallerClass::kAgency;
  std::vector<std::string> methods;  // as in the file
  Quota calls;
  Quota items;

  // `method` is "package.Service/Method".
  bool MayCall(std::string_view method) const;
};

// The callers of one file, immutable.
class Callers {
 public:
  // All errors at once, each with "file_name:line".
  struct Parsed {
    std::shared_ptr<const Callers> callers;  // null if there are errors
    std::vector<std::string> errors;
  };
  static Parsed Parse(std::string_view file_name, const std::string& text);

  // For a server that only its own machine reaches: whoever calls is the operator "local".
  static std::shared_ptr<const Callers> EveryoneIsOperator();

  // Null if unknown. The pointers live as long as this object.
  const Caller* FindByToken(std::string_view token) const;
  const Caller* FindByMtlsName(std::string_view name) const;
  // Who calls without any credentials; null: nobody may.
  const Caller* anonymous() const { return anonymous_; }
  size_t size() const { return callers_.size(); }

 private:
  friend class CallersReader;

  std::vector<std::unique_ptr<Caller>> callers_;
  std::map<std::string, const Caller*, std::less<>> by_token_hash_;  // 32 raw bytes
  std::map<std::string, const Caller*, std::less<>> by_mtls_name_;
  const Caller* anonymous_ = nullptr;
};

// The callers in force, replaced as a whole when the file changes.
class CallerDirectory {
 public:
  explicit CallerDirectory(std::shared_ptr<const Callers> callers) : callers_(std::move(callers)) {}
  std::shared_ptr<const Callers> Get() const {
    std::lock_guard lock(mutex_);
    return callers_;
  }
  void Replace(std::shared_ptr<const Callers> callers) {
    std::lock_guard lock(mutex_);
    callers_.swap(callers);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Callers> callers_;
};

}  // namespace epigrid
