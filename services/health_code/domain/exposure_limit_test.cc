#include "services/health_code/domain/exposure_limit.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

using Exposures = std::map<std::string, events::v1::ExposureChanged>;

constexpr auto kClose = contact_tracing::v1::EXPOSURE_CLASS_CLOSE;
constexpr auto kPlace = contact_tracing::v1::EXPOSURE_CLASS_PLACE;

void Add(Exposures& exposures, const std::string& case_id,
         contact_tracing::v1::ExposureClass exposure_class, int64_t ended) {
  events::v1::ExposureChanged& exposure = exposures[case_id];
  exposure.set_exposure_class(exposure_class);
  *exposure.mutable_last_time() = ToProto(Time::FromSeconds(1'640'000'000 + ended));
}

Exposures Many(contact_tracing::v1::ExposureClass exposure_class) {
  Exposures exposures;
  for (size_t i = 0; i < kExposuresMax; ++i) {
    Add(exposures, "case_" + std::to_string(i), exposure_class, static_cast<int64_t>(1000 - i));
  }
  return exposures;
}

TEST(ExposureLimitTest, NoneGoesWhileThereIsRoom) { EXPECT_EQ(ExposureToLetGo(Many(kPlace)), ""); }

TEST(ExposureLimitTest, WhatEndedFirstGoes) {
  Exposures exposures = Many(kPlace);
  Add(exposures, "new", kPlace, 5000);
  EXPECT_EQ(ExposureToLetGo(exposures), "case_" + std::to_string(kExposuresMax - 1));
  Add(exposures, "new", kPlace, -1);
  EXPECT_EQ(ExposureToLetGo(exposures), "new");
}

TEST(ExposureLimitTest, AnImplicatedPlaceGoesBeforeACloseContactAndWhatGoesOnStays) {
  Exposures exposures = Many(kClose);
  Add(exposures, "new", kPlace, 5000);
  EXPECT_EQ(ExposureToLetGo(exposures), "new");
  exposures["new"].clear_last_time();
  exposures["new"].set_ongoing(true);
  EXPECT_EQ(ExposureToLetGo(exposures), "case_" + std::to_string(kExposuresMax - 1));
}

}  // namespace
}  // namespace epigrid::health_code
