/**
 * The doorbell of a runner: a WebSocket on which the plane says "look now", and nothing else. The runner offers two subprotocols, this one
 * and its attempt token, because a token must not be in an address; the plane chooses this one. Each message means: send a heartbeat.
 * A doorbell that does not ring costs the time to the next heartbeat.
 */
export const doorbell_protocol = 'lanekeeper.doorbell'
/** What is sent. What it says does not matter. */
export const ring_text = 'look'
