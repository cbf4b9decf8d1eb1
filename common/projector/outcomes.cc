#include "common/projector/outcomes.h"

#include <fmt/format.h>

#include "common/base/hex.h"
#include "common/base/proto_time.h"
#include "common/base/sha256.h"
#include "epigrid/internal/v1/projector_state.pb.h"

namespace epigrid {

std::string OutcomeCell(const events::v1::RequestKey& key) {
  // Callers choose method-independent parts freely, so each part's length stands before it; and
  // SHA-256, so that no caller can find two of its keys that collide.
  const std::string text =
      fmt::format("{}:{}{}:{}{}:{}{}", key.caller().size(), key.caller(), key.method().size(),
                  key.method(), key.request_id().size(), key.request_id(), key.item());
  return std::string(kOutcomePrefix) + ToHex(Sha256(text).substr(0, 16));
}

std::string EncodeOutcome(const std::string& fingerprint, const Outcome& outcome,
                          Time expire_time) {
  internal::v1::StoredOutcome stored;
  stored.set_fingerprint(fingerprint);
  stored.set_code(static_cast<int32_t>(outcome.status.code()));
  stored.set_reason(outcome.status.reason());
  stored.set_message(outcome.status.message());
  for (const auto& [key, value] : outcome.status.metadata()) {
    internal::v1::OutcomeDetail* detail = stored.add_details();
    detail->set_key(key);
    detail->set_value(value);
  }
  stored.set_result(outcome.result);
  *stored.mutable_expire_time() = ToProto(expire_time);
  return stored.SerializeAsString();
}

std::optional<DecodedOutcome> DecodeOutcome(const std::string& bytes) {
  internal::v1::StoredOutcome stored;
  if (!stored.ParseFromString(bytes)) return std::nullopt;
  DecodedOutcome decoded;
  decoded.fingerprint = stored.fingerprint();
  decoded.outcome.result = stored.result();
  if (stored.code() != 0) {
    Status status(static_cast<Code>(stored.code()), stored.reason(), stored.message());
    for (const internal::v1::OutcomeDetail& detail : stored.details()) {
      status = std::move(status).With(detail.key(), detail.value());
    }
    decoded.outcome.status = std::move(status);
  }
  return decoded;
}

}  // namespace epigrid
