/**
 * Property tests choose the same cases each time, so that a red run is the change's fault and not the day's luck. Set
 * `LANEKEEPER_SEED` to a number for other cases, or to `random` to look for what nobody has seen yet.
 */
import * as fc from 'fast-check'

const { LANEKEEPER_SEED: wanted = '20261122' } = process.env
const seed = Number(wanted)
if (wanted !== 'random' && !Number.isInteger(seed)) throw new Error(`LANEKEEPER_SEED is "${wanted}": set an integer or "random"`)
if (wanted !== 'random') fc.configureGlobal({ seed })
