// TracingView: what queries read of the view, as users see it.
//
// Threads: any. Errors: those of CellQuery, and NOT_FOUND with the reasons named below.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/projector/cell_query.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

// A part of a list; `next` is where it goes on, empty at its end.
template <typename Item>
struct Page {
  std::vector<Item> items;
  std::string next;
};

class TracingView {
 public:
  // `cells` outlives it. `policy` as the service is configured.
  TracingView(const CellQuery& cells, TracingPolicy policy)
      : cells_(cells), policy_(std::move(policy)) {}

  // SETTING_UNKNOWN.
  Task<Result<v1::Setting>> GetSetting(std::string setting_id) const;
  // CASE_UNKNOWN.
  Task<Result<v1::Case>> GetCase(std::string case_id) const;
  // By id; none if nothing is known of the person.
  Task<Result<std::vector<v1::Case>>> PersonCases(std::string person_id) const;
  // By start time. `after`: of the page before.
  Task<Result<Page<v1::Presence>>> Presences(std::string person_id, std::string after,
                                             size_t limit) const;
  // By person id.
  Task<Result<Page<v1::Contact>>> Contacts(std::string case_id, std::string after,
                                           size_t limit) const;
  // By case id.
  Task<Result<Page<v1::Exposure>>> Exposures(std::string person_id, std::string after,
                                             size_t limit) const;

 private:
  using SharedWith = std::pair<std::string, state::v1::SharedSettings>;
  // Of the ids in the entity's index, what is shared with each.
  Task<Result<Page<SharedWith>>> PageOf(std::string entity, std::string (*index)(std::string_view),
                                        std::string (*cell)(std::string_view, std::string_view),
                                        std::string after, size_t limit) const;

  const CellQuery& cells_;
  const TracingPolicy policy_;
};

}  // namespace epigrid::contact_tracing
