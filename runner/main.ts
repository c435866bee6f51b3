/** The first program of the `runner` container: one attempt, and out. SIGTERM is how the task is told to stop. */
import { runAttempt } from './attempt.ts'

const stopping = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort())

// Idle connections to the plane and the model would keep the process for seconds.
process.exit(await runAttempt({ env: { LANEKEEPER_SANDBOX: 'container', ...process.env }, signal: stopping.signal }))
