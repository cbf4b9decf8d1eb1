#include "services/health_code/domain/basis.h"

#include <algorithm>
#include <optional>

#include "common/base/hex.h"

namespace epigrid::health_code {
namespace {

using events::v1::BasisNamed;

const std::string& CaseOf(const v1::Evidence& evidence) {
  return evidence.isolation_order().basis().case_id();
}

BasisNamed ReadTimer(const Timer& timer) {
  const std::optional<std::string> bytes =
      FromHex(std::string_view(timer.id).substr(keys::kBasisTimerPrefix.size()));
  BasisNamed named;
  EPIGRID_CHECK(bytes.has_value() && named.ParseFromString(*bytes),
                "a basis's timer does not parse");
  return named;
}

void Send(BasisNamed named, Context& context) {
  const std::string case_id = named.case_id();
  Event event;
  *event.mutable_basis_named() = std::move(named);
  context.EmitToInbox(case_id, std::move(event));
}

}  // namespace

void NameBasis(const v1::Evidence& evidence, const v1::Evidence& before, Context& context) {
  if (CaseOf(evidence).empty() || CaseOf(evidence) == CaseOf(before)) return;
  BasisNamed named;
  named.set_case_id(CaseOf(evidence));
  named.set_person_id(evidence.person_id());
  named.set_source(evidence.source());
  named.set_source_id(evidence.source_id());
  named.set_revision(evidence.revision());
  Send(std::move(named), context);
}

void KnowCase(const events::v1::CaseChanged& changed, Cells& cells) {
  cells.Set(keys::KnownCase(changed.case_id()), changed.person_id());
}

void NeedsOfBasis(const BasisNamed& named, NeedSet& needs) {
  needs.String(keys::KnownCase(named.case_id()));
}

void ApplyBasis(const BasisNamed& named, Cells& cells, Context& context) {
  if (cells.Get(keys::KnownCase(named.case_id())) != nullptr) return;
  if (named.overdue()) return context.Ignore("BASIS_UNKNOWN");
  const Time now = std::max(context.shard_time, context.recorded_at);
  cells.MoveTimer(keys::BasisTimer(named), Time{}, now + kBasisWait);
}

std::string EntityOfBasisTimer(const Timer& timer) { return ReadTimer(timer).case_id(); }

void NeedsOfBasisTimer(const Timer& timer, NeedSet& needs) {
  NeedsOfBasis(ReadTimer(timer), needs);
}

void FireBasisTimer(const Timer& timer, Cells& cells, Context& context) {
  BasisNamed named = ReadTimer(timer);
  if (cells.Get(keys::KnownCase(named.case_id())) != nullptr) return;
  // As an event of its own, so that what is listed names the case, the person and the order.
  named.set_overdue(true);
  Send(std::move(named), context);
}

}  // namespace epigrid::health_code
