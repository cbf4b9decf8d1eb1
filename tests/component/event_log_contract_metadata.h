// Part of event_log_contract.h: identity, ends, floors and shard metadata.
#pragma once

#include "tests/component/event_log_contract.h"

namespace epigrid {

TEST_P(EventLogContract, ALogConfiguredOtherwiseIsRefused) {
  const auto other = storage_->NewLog();
  const Result<Done> more_shards = Get(other->Open(Identity(kShards + 1)));
  EXPECT_EQ(more_shards.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(more_shards.status().reason(), "LOG_MISMATCH");
  EXPECT_THAT(more_shards.status().message(),
              testing::AllOf(testing::HasSubstr("8"), testing::HasSubstr("9")));
  LogIdentity other_hash = Identity(kShards);
  other_hash.shard_hash = "crc32";
  const Result<Done> hash_refused = Get(other->Open(other_hash));
  EXPECT_EQ(hash_refused.status().reason(), "LOG_MISMATCH");
  EXPECT_THAT(hash_refused.status().message(), testing::HasSubstr("crc32"));
  EXPECT_TRUE(Get(other->Open(Identity(kShards))).ok());
}

TEST_P(EventLogContract, EndsAreTheLastOffsetsAndZeroWhereThereIsNone) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(*producer, To(kInbox1, {"a", "b"}));
  EXPECT_EQ(*Get(log_->End(kInbox0)), 0u);
  EXPECT_EQ(*Get(log_->End(kInbox1)), offsets[1]);
  EXPECT_THAT(*Get(log_->Ends({kInbox1, kPublic0, kInbox0})),
              testing::ElementsAre(offsets[1], 0u, 0u));
  EXPECT_TRUE(Get(log_->Ends({}))->empty());
}

TEST_P(EventLogContract, AFloorOnlyRises) {
  EXPECT_THAT(*Get(log_->Floors("group", {kInbox0, kInbox1})), testing::ElementsAre(0u, 0u));
  ASSERT_TRUE(Get(log_->RaiseFloors("group", {{kInbox0, 9}, {kInbox1, 100}})).ok());
  ASSERT_TRUE(Get(log_->RaiseFloors("group", {{kInbox0, 10}, {kInbox1, 99}})).ok());
  EXPECT_THAT(*Get(log_->Floors("group", {kInbox1, kInbox0})), testing::ElementsAre(100u, 10u));
  EXPECT_THAT(*Get(log_->Floors("other", {kInbox0})), testing::ElementsAre(0u));
  EXPECT_THAT(*Get(log_->Floors("group", {kPublic0})), testing::ElementsAre(0u));
  EXPECT_TRUE(Get(log_->RaiseFloors("group", {})).ok());
  EXPECT_TRUE(Get(log_->Floors("group", {}))->empty());
}

TEST_P(EventLogContract, ShardMetadataIsKeptUntilDeleted) {
  const std::string bytes("new\0bytes", 9);
  EXPECT_TRUE(Get(log_->ShardMetadata(kInbox0))->empty());
  ASSERT_TRUE(Get(log_->PutShardMetadata(kInbox0, "parked:7", "why")).ok());
  ASSERT_TRUE(Get(log_->PutShardMetadata(kInbox0, "parked:7", bytes)).ok());
  ASSERT_TRUE(Get(log_->PutShardMetadata(kInbox0, "parked:8", "")).ok());
  EXPECT_THAT(
      *Get(log_->ShardMetadata(kInbox0)),
      testing::ElementsAre(testing::Pair("parked:7", bytes), testing::Pair("parked:8", "")));
  EXPECT_TRUE(Get(log_->ShardMetadata(kInbox1))->empty());
  ASSERT_TRUE(Get(log_->DeleteShardMetadata(kInbox0, "parked:7")).ok());
  ASSERT_TRUE(Get(log_->DeleteShardMetadata(kInbox0, "never there")).ok());
  EXPECT_THAT(*Get(log_->ShardMetadata(kInbox0)),
              testing::ElementsAre(testing::Pair("parked:8", "")));
}

TEST_P(EventLogContract, WhatOneProcessWritesAnotherReads) {
  const auto other = NewOpenLog();
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(*producer, To(kInbox0, {"a"}));
  ASSERT_TRUE(Get(log_->RaiseFloors("group", {{kInbox0, 1}})).ok());
  ASSERT_TRUE(Get(log_->PutShardMetadata(kInbox0, "field", "value")).ok());
  EXPECT_EQ(*Get(other->End(kInbox0)), offsets[0]);
  EXPECT_THAT(*Get(other->Floors("group", {kInbox0})), testing::ElementsAre(1u));
  EXPECT_EQ(Get(other->ShardMetadata(kInbox0))->at("field"), "value");
}

}  // namespace epigrid
