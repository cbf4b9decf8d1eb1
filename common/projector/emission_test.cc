#include "common/projector/emission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/projector/subscription.h"
#include "tests/fakes/counting_fold.h"

namespace epigrid {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr uint32_t kShards = 64;
const Emitter kSelf{"tracing", 7, kShards};

Event Visit(const std::string& person) {
  Event event;
  event.mutable_membership_changed()->set_person_id(person);
  return event;
}

Envelope Parse(const NewRecord& record) {
  Envelope envelope;
  EXPECT_TRUE(envelope.ParseFromString(record.value));
  return envelope;
}

// A person in another shard than these.
std::string PersonElsewhere(const std::vector<std::string>& than) {
  for (int i = 0;; ++i) {
    const std::string person = "q" + std::to_string(i);
    if (std::none_of(than.begin(), than.end(), [&](const std::string& other) {
          return ShardOf(other, kShards) == ShardOf(person, kShards);
        })) {
      return person;
    }
  }
}

std::string PersonInShardOf(const std::string& than) {
  for (int i = 0;; ++i) {
    std::string person = "r" + std::to_string(i);
    if (ShardOf(person, kShards) == ShardOf(than, kShards)) return person;
  }
}

std::vector<std::string> EntitiesIn(const NewRecord& record) {
  const Envelope envelope = Parse(record);
  std::vector<std::string> entities;
  for (const Event& event : envelope.events()) entities.push_back(event.entity());
  return entities;
}

TEST(Emission, EventsOfOneCauseToOneShardStandInOneRecord) {
  const std::string other = PersonElsewhere({"p"});
  std::vector<Emission> emissions = {{"", "p", Visit("p")},
                                     {"tracing.member.v1", "p", Visit("p")},
                                     {"", other, Visit(other)},
                                     {"", "p", Visit("p")}};
  Envelope cause;
  cause.set_actor("lab");
  cause.mutable_recorded_at()->set_seconds(5);
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, cause, 42, emissions, records);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[0].to, (TopicShard{"tracing.inbox", ShardOf("p", kShards)}));
  EXPECT_EQ(records[0].key, "p");
  EXPECT_EQ(records[1].to, (TopicShard{"tracing.member.v1", 7})) << "in its emitter's partition";
  EXPECT_EQ(records[2].to, (TopicShard{"tracing.inbox", ShardOf(other, kShards)}));
  const Envelope first = Parse(records[0]);
  EXPECT_THAT(first.events(), SizeIs(2));
  EXPECT_EQ(first.actor(), "lab");
  EXPECT_EQ(first.recorded_at().seconds(), 5);
  EXPECT_EQ(first.position().stream(), "tracing.inbox");
  EXPECT_EQ(first.position().source_shard(), 7u);
  EXPECT_EQ(first.position().offset(), 42u);
  EXPECT_EQ(first.position().index(), 0u);
  EXPECT_EQ(Parse(records[1]).position().stream(), "tracing.member.v1");
  EXPECT_EQ(Parse(records[1]).position().index(), 0u) << "each stream counts by itself";
  EXPECT_EQ(Parse(records[2]).position().index(), 1u);
}

TEST(Emission, WhatWaitedKeepsItsOwnTimeAndActor) {
  Envelope retry, monday, tuesday;
  retry.set_actor("operator");
  monday.set_actor("lab");
  monday.mutable_recorded_at()->set_seconds(1);
  tuesday.set_actor("venue");
  std::vector<Emission> emissions;
  const std::vector<const Envelope*> causes = {&monday, &monday, &tuesday, nullptr};
  for (const Envelope* cause : causes) {
    emissions.push_back({"", "p", Visit("p"), cause});
  }
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, retry, 42, emissions, records);
  std::vector<std::string> actors;
  for (const NewRecord& record : records) actors.push_back(Parse(record).actor());
  EXPECT_THAT(actors, ElementsAre("lab", "venue", "operator"));
  EXPECT_EQ(Parse(records[0]).recorded_at().seconds(), 1);
  EXPECT_THAT(Parse(records[0]).events(), SizeIs(2));
}

TEST(Emission, AnEventSaysWhomItConcernsWhereThatIsNotTheRecordsKey) {
  const std::string other = PersonInShardOf("p");
  Event again = Visit("p");
  again.set_entity("of the record that it came in");
  std::vector<Emission> emissions = {{"", "p", again},
                                     {"", other, Visit(other)},
                                     {"", "p", Visit("p")},
                                     {"tracing.member.v1", other, Visit(other)},
                                     {"tracing.member.v1", "elsewhere", Visit("elsewhere")}};
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, {}, 42, emissions, records);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].key, "p");
  EXPECT_THAT(EntitiesIn(records[0]), ElementsAre("", other, ""));
  EXPECT_EQ(records[1].key, other);
  EXPECT_THAT(EntitiesIn(records[1]), ElementsAre("", "elsewhere"));
}

TEST(Emission, WhatMustStandAloneDoes) {
  Event unparked;
  unparked.mutable_unparked()->set_offset(9);
  const std::string own = [] {
    for (int i = 0;; ++i) {
      if (ShardOf("p" + std::to_string(i), kShards) == kSelf.shard) return "p" + std::to_string(i);
    }
  }();
  std::vector<Emission> emissions = {
      {"", own, Visit(own)}, {"", "", unparked}, {"", own, Visit(own)}};
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, {}, 42, emissions, records);
  ASSERT_THAT(records, SizeIs(3));
  for (uint32_t i = 0; i < 3; ++i) {
    const Envelope envelope = Parse(records[i]);
    EXPECT_EQ(records[i].to, (TopicShard{"tracing.inbox", kSelf.shard}));
    EXPECT_THAT(envelope.events(), SizeIs(1));
    EXPECT_EQ(envelope.events(0).has_unparked(), i == 1);
    EXPECT_EQ(envelope.position().index(), i);
  }
}

TEST(Emission, ALongRecordIsCutAndItsIndexesRiseAsItsRecordsDo) {
  std::vector<Emission> emissions;
  for (size_t i = 0; i < 2 * kEventsPerRecordMax + 1; ++i)
    emissions.push_back({"", "p", Visit("p")});
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, {}, 42, emissions, records);
  ASSERT_THAT(records, SizeIs(3));
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(Parse(records[i]).position().index(), i);
  EXPECT_THAT(Parse(records[0]).events(), SizeIs(kEventsPerRecordMax));
  EXPECT_THAT(Parse(records[2]).events(), SizeIs(1));
}

TEST(Emission, LargeEventsDoNotMakeARecordTheLogRefuses) {
  std::vector<Emission> emissions;
  for (int i = 0; i < 4; ++i) {
    emissions.push_back({"", "p", Visit(std::string(kRecordBytesMax / 3, 'x'))});
  }
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, {}, 42, emissions, records);
  for (const NewRecord& record : records) EXPECT_LE(record.value.size(), kRecordBytesMax);
}

TEST(Emission, NoEntityMeansThisShardItself) {
  std::vector<Emission> emissions = {{"", "", Visit("p")}};
  std::vector<NewRecord> records;
  AppendEmitted(kSelf, {}, 42, emissions, records);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].to.shard, 7u);
}

// Routes by person; has no use for anything else.
class PersonFold final : public Fold {
 public:
  std::string_view service() const override { return "codes"; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override { return {"tracing.member.v1"}; }
  std::string Route(const Event& event) const override {
    return event.membership_changed().person_id();
  }
  std::vector<std::string> publications() const override { return {}; }
  std::vector<std::string> Entities(const Event&) const override { return {}; }
  void Needs(const Event&, const CellReader&, NeedSet&) const override {}
  void Apply(const Event&, Cells&, Context&) const override {}
  std::string TimerEntity(const Timer&) const override { return {}; }
  void TimerNeeds(const Timer&, const CellReader&, NeedSet&) const override {}
  void FireTimer(const Timer&, Cells&, Context&) const override {}
};

TEST(CutForAppendsTest, NoPartIsMoreThanTheLogTakes) {
  std::vector<NewRecord> records;
  for (size_t i = 0; i < 2 * kAppendRecordsMax + 1; ++i) {
    records.push_back({{"tracing.inbox", 0}, std::to_string(i), ""});
  }
  const std::string half(kAppendBytesMax / 2, 'x');
  for (int i = 0; i < 3; ++i) records.push_back({{"tracing.inbox", 0}, "", half});
  std::vector<std::string> keys;
  for (const NewRecord& record : records) keys.push_back(record.key);

  const std::vector<std::vector<NewRecord>> parts = CutForAppends(std::move(records));
  EXPECT_THAT(parts, SizeIs(4));
  std::vector<std::string> keys_of_parts;
  for (const std::vector<NewRecord>& part : parts) {
    EXPECT_LE(part.size(), kAppendRecordsMax);
    size_t bytes = 0;
    for (const NewRecord& record : part) {
      bytes += BytesOf(record);
      keys_of_parts.push_back(record.key);
    }
    EXPECT_LE(bytes, kAppendBytesMax);
  }
  EXPECT_EQ(keys_of_parts, keys);
  EXPECT_THAT(CutForAppends({}), SizeIs(0));
}

class CopyTest : public ::testing::Test {
 protected:
  std::vector<NewRecord> Copy(const std::string& value, const std::string& key = "p") {
    return CopyToInbox(fold_, kShards, {"tracing.member.v1", 7}, {9, Time{1}, key, value});
  }
  static Envelope FromTracing(std::vector<Event> events) {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    envelope.mutable_position()->set_stream("tracing.member.v1");
    envelope.mutable_position()->set_source_shard(7);
    envelope.mutable_position()->set_offset(42);
    envelope.mutable_position()->set_index(3);
    for (Event& event : events) *envelope.add_events() = std::move(event);
    return envelope;
  }
  PersonFold fold_;
};

TEST_F(CopyTest, EachEventGoesToItsEntityWithThePositionUnchanged) {
  const std::string other = PersonElsewhere({"p"});
  Event useless;
  useless.mutable_person_changed()->set_person_id("x");
  const Envelope envelope = FromTracing({Visit("p"), Visit(other), useless, Visit("p")});
  const std::vector<NewRecord> copies = Copy(envelope.SerializeAsString());
  ASSERT_THAT(copies, SizeIs(2));
  for (const NewRecord& copy : copies) {
    EXPECT_EQ(copy.to.topic, "codes.inbox");
    const Envelope part = Parse(copy);
    EXPECT_EQ(part.position().SerializeAsString(), envelope.position().SerializeAsString());
    for (const Event& event : part.events()) {
      EXPECT_EQ(ShardOf(event.membership_changed().person_id(), kShards), copy.to.shard);
    }
  }
  EXPECT_EQ(Parse(copies[0]).events_size() + Parse(copies[1]).events_size(), 3);
}

TEST_F(CopyTest, WhatTheFoldHasNoUseForIsLeftOut) {
  Event useless;
  useless.mutable_person_changed()->set_person_id("x");
  EXPECT_TRUE(Copy(FromTracing({useless}).SerializeAsString()).empty());
}

TEST_F(CopyTest, WhatDoesNotParseGoesToTheShardOfItsKeyAsItIs) {
  for (const std::string& rubbish : {std::string("\xff\xff rubbish"), std::string()}) {
    const std::vector<NewRecord> copies = Copy(rubbish);
    ASSERT_THAT(copies, SizeIs(1));
    EXPECT_EQ(copies[0].to, (TopicShard{"codes.inbox", ShardOf("p", kShards)}));
    EXPECT_EQ(copies[0].key, "p");
    EXPECT_EQ(copies[0].value, rubbish);
  }
}

TEST_F(CopyTest, AnEventOfAnUnknownKindGoesByTheEntityThatItStates) {
  const std::string other = PersonElsewhere({"p"});
  Event unknown = OfUnknownKind("unknown");
  unknown.set_entity(other);
  Event of_key = OfUnknownKind("of the key");
  const std::vector<NewRecord> copies =
      Copy(FromTracing({Visit("p"), unknown, of_key}).SerializeAsString());
  ASSERT_THAT(copies, SizeIs(2));
  const bool first = copies[0].key == "p";
  const NewRecord& of_p = copies[first ? 0 : 1];
  const NewRecord& of_other = copies[first ? 1 : 0];
  EXPECT_EQ(of_p.to.shard, ShardOf("p", kShards));
  EXPECT_EQ(Parse(of_p).SerializeAsString(), FromTracing({Visit("p"), of_key}).SerializeAsString());
  EXPECT_EQ(of_other.to.shard, ShardOf(other, kShards));
  EXPECT_EQ(of_other.key, other);
  EXPECT_EQ(Parse(of_other).SerializeAsString(),
            FromTracing({OfUnknownKind("unknown")}).SerializeAsString())
      << "its entity is the key now";
}

TEST_F(CopyTest, ACopyUnderAnotherKeySaysWhomItsEventsConcern) {
  const std::string other = PersonInShardOf("p");
  // The emitter knows its case; this service routes by persons.
  const std::vector<NewRecord> copies =
      Copy(FromTracing({Visit("p"), Visit(other), OfUnknownKind("x")}).SerializeAsString(), "case");
  for (const NewRecord& copy : copies) {
    if (copy.key == "case") {
      EXPECT_THAT(EntitiesIn(copy), ElementsAre(""));
    } else {
      EXPECT_EQ(copy.key, "p");
      EXPECT_THAT(EntitiesIn(copy), ElementsAre("", other));
    }
  }
  EXPECT_THAT(copies, SizeIs(2));
}

TEST_F(CopyTest, WhatALaterSchemaAddedToTheEnvelopeIsKept) {
  Envelope envelope = FromTracing({Visit("p"), Visit(PersonElsewhere({"p"}))});
  envelope.GetReflection()->MutableUnknownFields(&envelope)->AddLengthDelimited(1999, "new");
  for (const NewRecord& copy : Copy(envelope.SerializeAsString())) {
    const Envelope part = Parse(copy);
    EXPECT_EQ(part.GetReflection()->GetUnknownFields(part).field_count(), 1);
  }
}

}  // namespace
}  // namespace epigrid
