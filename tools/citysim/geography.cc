#include "tools/citysim/geography.h"

#include <fmt/format.h>

namespace epigrid::citysim {
namespace {

constexpr uint32_t kGridsPerCommunity = 4;
constexpr uint32_t kCommunitiesPerStreet = 5;
constexpr uint32_t kStreetsPerDistrict = 8;
// GB/T 2260 has not given out 3398.
constexpr std::string_view kCityCode = "3398";
constexpr Point kCentre{30'250'000, 120'150'000};
// 600 m each way: some 10,000 people on a square kilometre.
constexpr int32_t kCommunityLatitude = 5'400;
constexpr int32_t kCommunityLongitude = 6'200;

struct Cell {
  int32_t x = 0;
  int32_t y = 0;
};

// The n-th cell of the square spiral (0, 0), (1, 0), (1, 1), (0, 1), (-1, 1) ...
Cell SpiralCell(uint32_t n) {
  if (n == 0) return {};
  int32_t ring = 1;
  while (static_cast<uint32_t>((2 * ring + 1) * (2 * ring + 1)) <= n) ++ring;
  const auto side = 2 * ring;
  const auto on_ring = static_cast<int32_t>(n) - (side - 1) * (side - 1);
  const int32_t along = on_ring % side;
  switch (on_ring / side) {
    case 0: return {ring, along - ring + 1};
    case 1: return {ring - along - 1, ring};
    case 2: return {-ring, ring - along - 1};
    default: return {along - ring + 1, -ring};
  }
}

}  // namespace

std::string City::RegionCode(uint32_t grid) {
  const uint32_t community = grid / kGridsPerCommunity;
  const uint32_t street = community / kCommunitiesPerStreet;
  return fmt::format("{}{:02}{:03}{:03}{:03}", kCityCode, street / kStreetsPerDistrict + 1,
                     street % kStreetsPerDistrict + 1, community % kCommunitiesPerStreet + 1,
                     grid % kGridsPerCommunity + 1);
}

Point PointInGrid(uint32_t grid, Random& random) {
  const Cell cell = SpiralCell(grid / kGridsPerCommunity);
  const auto quarter = static_cast<int32_t>(grid % kGridsPerCommunity);
  const int32_t south = quarter / 2 * (kCommunityLatitude / 2);
  const int32_t west = quarter % 2 * (kCommunityLongitude / 2);
  return {kCentre.latitude_microdegrees + cell.y * kCommunityLatitude + south +
              random.Between(0, kCommunityLatitude / 2 - 1),
          kCentre.longitude_microdegrees + cell.x * kCommunityLongitude + west +
              random.Between(0, kCommunityLongitude / 2 - 1)};
}

int64_t SquaredDistance(Point a, Point b) {
  const int64_t north = a.latitude_microdegrees - b.latitude_microdegrees;
  const int64_t east = a.longitude_microdegrees - b.longitude_microdegrees;
  return north * north + east * east;
}

}  // namespace epigrid::citysim
