#include "common/base/date.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

TEST(DateTest, IsWrittenWithAllItsDigits) {
  EXPECT_EQ(FormatDate(sys_days(days(0))), "1970-01-01");
  EXPECT_EQ(FormatDate(sys_days(days(19174))), "2022-07-01");
  EXPECT_EQ(FormatDate(sys_days(days(-25567))), "1900-01-01");
}

}  // namespace
}  // namespace epigrid
