/** What the suites of the runner share: a plane, a scripted model, and one attempt run to its end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startScriptedModel, type SeenRequest } from '../../local/scripted-model/server.ts'
import { runAttempt } from '../../runner/attempt.ts'
import type { Finish } from '../../shared/contract/runner-protocol.ts'
import type { FakeCommand } from '../support/fake-assignment.ts'
import { attemptFolders } from '../support/attempt-folders.ts'
import { startFakePlane, type FakePlane } from '../support/fake-plane.ts'

export const model_key = 'sk-ant-planted-model-key-0123456789'

export interface Harness {
  readonly plane: FakePlane
  readonly model_requests: SeenRequest[]
  readonly work_dir: string
  /** Starts an attempt; `act` runs beside it. @returns its exit code and what it said at its end */
  run(
    command: FakeCommand,
    act?: (stop: AbortController) => Promise<void>,
    env?: Readonly<Record<string, string>>,
  ): Promise<{ code: number; finish: Finish | undefined; log: string }>
  /** Puts an empty file into the workspace of the attempt that runs: what a script may wait for. */
  touch(file: string): Promise<void>
  close(): Promise<void>
}

export const startHarness = async (): Promise<Harness> => {
  const model_requests: SeenRequest[] = []
  const [plane, model, work_dir] = await Promise.all([
    startFakePlane(),
    startScriptedModel({ onRequest: (request) => model_requests.push(request) }),
    mkdtemp(join(tmpdir(), 'lk-test-')),
  ])
  return {
    plane,
    model_requests,
    work_dir,
    run: async (command, act, env = {}) => {
      model_requests.length = 0
      const stop = new AbortController()
      const runner_env = {
        ...plane.next(command),
        PATH: process.env['PATH'] ?? '',
        LANEKEEPER_WORK_DIR: work_dir,
        LANEKEEPER_STOP_GRACE_MS: '500',
        // Where there is no sandbox at all, the tests prove what is left.
        ALLOW_UNSANDBOXED: '1',
        ANTHROPIC_API_KEY: model_key,
        ANTHROPIC_BASE_URL: model.url,
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: model.url,
        ...env,
      }
      const [code] = await Promise.all([runAttempt({ env: runner_env, signal: stop.signal }), act?.(stop)])
      return { code, finish: plane.seen.finishes.at(-1), log: plane.logText() }
    },
    touch: async (file) => {
      const [attempt = ''] = await attemptFolders(work_dir)
      await writeFile(join(work_dir, attempt, 'workspace', file), '')
    },
    close: async () => {
      await Promise.all([plane.close(), model.close()])
      await rm(work_dir, { recursive: true, force: true })
    },
  }
}

/** A line of a script: the model calls Bash. */
export const bash = (command: string): string => `STUB: ${JSON.stringify({ tool: 'Bash', input: { command, description: 'test' } })}`
/** A line of a script: the model says this and ends its turn. */
export const say = (text: string): string => `STUB: ${JSON.stringify({ text })}`
