#include "tests/simulation/city_expected.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/local_day.h"
#include "common/base/proto_time.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/health_code/state/v1/state.pb.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "services/health_code/domain/health_code_fold.h"
#include "services/health_code/domain/timeline.h"
#include "services/identity/domain/identity_fold.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid {
namespace {

using contact_tracing::state::v1::CaseRecord;
using contact_tracing::state::v1::SharedSettings;
using health_code::state::v1::StoredCode;

template <typename Proto>
Proto Parse(const std::string& bytes) {
  Proto proto;
  EPIGRID_CHECK(proto.ParseFromString(bytes), "a cell does not parse");
  return proto;
}

void AddContact(const std::string& rest, const std::string& bytes, CityPicture& picture) {
  const size_t colon = rest.find(':');
  const std::string case_id = rest.substr(0, colon), person = rest.substr(colon + 1);
  const auto shared = Parse<SharedSettings>(bytes);
  std::vector<std::string> lines;
  for (const events::v1::MatchStated& match : shared.matches()) {
    events::v1::MatchStated said = match;
    said.clear_for_case();
    lines.push_back(said.ShortDebugString());
    if (match.exposure_class() != contact_tracing::v1::EXPOSURE_CLASS_PLACE) continue;
    auto& days = picture.met[case_id][{person, match.setting_id()}];
    for (const events::v1::MatchedDay& day : match.days()) days[day.day()] = day.minutes();
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) picture.cases[case_id] += "\n  " + line;
}

void AddCode(const std::string& person, const std::string& bytes, Time now, CityPicture& picture) {
  auto code = Parse<StoredCode>(bytes);
  health_code::MoveOn(*code.mutable_timeline(), now);
  // Who was exposed and is not any more is as one of whom nothing is known.
  if (code.timeline().empty() && !code.has_last_negative_sampled_time()) return;
  std::string text;
  for (const auto& entry : code.timeline()) text += "\n  " + entry.ShortDebugString();
  text += "\n  last negative " + code.last_negative_sampled_time().ShortDebugString();
  picture.codes[person] = std::move(text);
}

}  // namespace

CityPicture PictureOf(uint32_t shard_count,
                      const std::function<ShardCells(const std::string&, Shard)>& find) {
  CityPicture picture;
  for (Shard shard = 0; shard < shard_count; ++shard) {
    const ShardCells traced = find("contact_tracing", shard);
    for (const auto& [key, bytes] : *traced.strings) {
      if (!key.starts_with("case:")) continue;
      const auto record = Parse<CaseRecord>(bytes);
      // A test that is taken back at once may have opened a case or not.
      if (record.excluded_by_tests()) continue;
      picture.cases[record.case_id()] = contact_tracing::v1::CaseState_Name(record.state());
      if (record.state() == contact_tracing::v1::CASE_STATE_EXCLUDED) continue;
      const Time until = FromProto(record.window().until_time());
      picture.windows[record.case_id()] = {record.person_id(),
                                           FromProto(record.window().from_time()),
                                           until.is_set() ? until : kEndOfTime};
      picture.met[record.case_id()];
    }
    for (const auto& [key, bytes] : *traced.strings) {
      if (key.starts_with("contact:")) AddContact(key.substr(8), bytes, picture);
    }
    const ShardCells codes = find("health_code", shard);
    for (const auto& [key, bytes] : *codes.strings) {
      if (key.starts_with("code:")) AddCode(key.substr(5), bytes, codes.time, picture);
    }
  }
  return picture;
}

CityPicture ExpectedPicture(const CityFacts& facts, uint32_t shard_count,
                            const std::function<Time(Shard)>& time) {
  const identity::IdentityFold identity_fold(facts.keys(), facts.claim_key());
  const contact_tracing::ContactTracingFold tracing_fold(shard_count);
  const health_code::HealthCodeFold code_fold;
  FoldDriver people(identity_fold, shard_count), tracing(tracing_fold, shard_count),
      codes(code_fold, shard_count);
  // Each sequence in its own order, the last sequence first.
  for (auto sequence = facts.sequences.rbegin(); sequence != facts.sequences.rend(); ++sequence) {
    for (const CityCommand& command : *sequence) {
      Event event = command.event;
      event.clear_request();
      FoldDriver& driver = command.service == "identity"          ? people
                           : command.service == "contact_tracing" ? tracing
                                                                  : codes;
      driver.Append(command.entity, std::move(event));
    }
  }
  bool moved = true;
  while (moved) {
    moved = people.Run();
    for (const Emission& emission : people.TakePublished()) tracing.Foreign(emission.event);
    moved |= codes.Run();
    for (const Emission& emission : codes.TakePublished()) tracing.Foreign(emission.event);
    moved |= tracing.Run();
    for (const Emission& emission : tracing.TakePublished()) codes.Foreign(emission.event);
  }
  return PictureOf(shard_count, [&](const std::string& service, Shard shard) {
    const FoldDriver::Stored& stored =
        (service == "contact_tracing" ? tracing : codes).stored(shard);
    return ShardCells{time(shard), &stored.strings, &stored.members};
  });
}

}  // namespace epigrid
