// Passports: ICAO Doc 9303 parts 3 and 4 (TD3). See documents.h for the errors.
#pragma once

#include "services/identity/domain/documents.h"

namespace epigrid::identity {

Result<Document> ParsePassport(const DocumentInput& input, std::chrono::sys_days today);

}  // namespace epigrid::identity
