// HealthCodeFold: how evidence, exposures and cases become codes.
//
//   EvidenceObserved (own API) ─┐                              ┌─▶ TestResultChanged, IsolationChanged
//   ExposureChanged  (tracing) ─┼─▶ store ─▶ facts ─▶ policy ─▶ timeline ─▶ code cell, timer
//   CaseChanged      (tracing) ─┘                              └─▶ CodeChanged, when colour or measure change
//                                                                   or a case newly exposes the person
//
// Every change recomputes the person's timeline from all that is stored, so that the order in which
// facts arrive does not matter and a withdrawal needs no code of its own. A timer is armed for the
// next entry of the timeline: when it fires, the change that time alone brought is published.
//
// An order that names a case asks that case's shard whether there is one (basis.h).
//
// Shard time is behind the clock by up to ten seconds, so an exposure may begin after it: somebody
// checks in where a case is sitting. It is told when it has begun, together with the colour that it
// brings.
#pragma once

#include <memory>

#include "common/projector/fold.h"
#include "services/health_code/domain/facts.h"

namespace epigrid::health_code {

inline constexpr std::string_view kService = "health_code";
inline constexpr std::string_view kTestResultTopic = "health_code.test_result.v1";
inline constexpr std::string_view kIsolationTopic = "health_code.isolation.v1";
inline constexpr std::string_view kCodeTopic = "health_code.code.v1";

class HealthCodeFold final : public Fold {
 public:
  std::string_view service() const override { return kService; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override;
  std::string Route(const Event& foreign) const override;
  std::vector<std::string> publications() const override;
  std::vector<std::string> Entities(const Event& event) const override;

  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override;
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override;
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override;
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;

 private:
  void ApplyEvidence(const v1::Evidence& evidence, Cells& cells, Context& context) const;
  void ApplyExposure(const events::v1::ExposureChanged& exposure, Cells& cells,
                     Context& context) const;
  void ApplyCase(const events::v1::CaseChanged& changed, Cells& cells, Context& context) const;
  void PublishIsolation(const std::string& person_id, const StoredPerson& person, Cells& cells,
                        Context& context) const;
  void Recompute(const std::string& person_id, const StoredPerson& person,
                 state::v1::StoredCode code, Cells& cells, Context& context) const;
  // Publishes what holds now if it is not what was published or a case newly exposes the person,
  // and arms the timer for what comes next.
  void PublishCode(const std::string& person_id, state::v1::StoredCode code, Cells& cells,
                   Context& context) const;
};

}  // namespace epigrid::health_code
