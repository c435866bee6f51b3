/** A thread that simulates the seeds it is told. */
import { parentPort } from 'node:worker_threads'
import { outcomeOf } from './many.ts'
import { simulate } from './simulate.ts'

const port = parentPort
if (port === null) throw new Error('test/sim/worker.ts runs as a worker thread')
port.on('message', (seed: number) => void simulate({ seed }).then((simulated) => port.postMessage(outcomeOf(simulated))))
