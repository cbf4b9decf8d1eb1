// What a city must come to: the same facts, folded by the production folds without log, faults or
// time, in another order than they were sent in.
#pragma once

#include <map>
#include <string>

#include "tests/simulation/city_facts.h"
#include "tests/simulation/world.h"

namespace epigrid {

// What people can see, as text: by case "state window contacts", by person the code's timeline from
// the shard's time on.
struct CityPicture {
  std::map<std::string, std::string> cases;
  std::map<std::string, std::string> codes;
  // Of cases that are not excluded: by contact and setting, minutes by day. Venues only.
  std::map<std::string, std::map<BruteForceContacts::PersonAndSetting, std::map<int32_t, int64_t>>>
      met;
  // Of those: whose, and the window.
  struct Window {
    std::string person;
    Time from;
    Time until;
  };
  std::map<std::string, Window> windows;
};

// From the cells of both services: `find(service, shard)` gives a shard's time, strings and hashes.
struct ShardCells {
  Time time;
  const std::map<std::string, std::string>* strings = nullptr;
  const std::map<std::string, std::map<std::string, std::string>>* hashes = nullptr;
};
CityPicture PictureOf(uint32_t shard_count,
                      const std::function<ShardCells(const std::string& service, Shard)>& find);

// Folds the facts aside; seen at the times that the health_code service's shards have come to.
CityPicture ExpectedPicture(const CityFacts& facts, uint32_t shard_count,
                            const std::function<Time(Shard)>& time);

}  // namespace epigrid
