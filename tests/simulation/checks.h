// What must hold of every world that has come to rest, whatever its services do:
//
//  * what the log acknowledged is in it, where it said;
//  * every shard's view, and every batch that was ever applied to one, is what folding the shard's
//    log from its first record gives, cell by cell, with the digest that the cells have;
//  * everything that this folding emits is in the log, and nothing else claims to be emitted;
//  * everything published was copied to where the subscriber's fold routes it, and nothing else
//    was;
//  * each record counted once, in the order of its source, however often it stands in the log;
//  * no rebuild found a difference, or was given up before so many processes died;
//  * a shard's time never goes back and is never ahead of the log's clock.
#pragma once

#include "tests/simulation/world.h"

namespace epigrid {

// Adds what does not hold to the world's problems.
void CheckWorld(World& world);

}  // namespace epigrid
