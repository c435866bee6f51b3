/**
 * The session's files: they outlive the attempt. The workspace is the agent's folder; the transcript is the agent's own memory of
 * the conversation, together with what it had used by then (its counts go on across runs, and each run reports only its own).
 */
import { cp, lstat, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Assignment, Finish } from '../../shared/contract/runner-protocol.ts'
import type { Failure } from '../../shared/domain/run.ts'
import { ModelUsage } from '../../shared/domain/usage.ts'
import type { FileKind } from '../../shared/ports/ports.ts'
import type { Plane } from '../plane.ts'
import type { HostFolders } from '../sandbox/sandbox.ts'
import type { Stop } from '../stop.ts'
import { packFolder, transcript_limits, unpackArchive, workspace_limits, type ArchiveLimits } from './archive.ts'
import { download, upload } from './transfer.ts'
import { folderState, isRealFolder } from './tree.ts'

export interface SessionInput {
  readonly assignment: Assignment
  readonly folders: HostFolders
  /** A folder of the runner's own, which the agent never sees. */
  readonly scratch: string
  readonly plane: Plane
  readonly stop: Stop
  /** The agent keeps a transcript: kind `claude_code`. */
  readonly has_transcript: boolean
}

type Saved = NonNullable<Finish['saved']>
export type SaveResult =
  | { readonly ok: true; readonly saved: Saved | undefined }
  | { readonly ok: false; readonly error: Failure; readonly saved: Saved | undefined }

export interface SessionFiles {
  /** What the transcript's agent had used before this attempt; undefined if there is no transcript. */
  readonly used_before: ModelUsage | undefined
  /** Saves what changed since it was restored or saved last. */
  save(request: SaveRequest): Promise<SaveResult>
}
export interface SaveRequest {
  /** The turn that the files are of. */
  readonly turn: number
  /** What the transcript's agent has used by now, over its whole life; undefined if it never started. */
  readonly used_now: ModelUsage | undefined
  /** The agent lives on, and with it its files: they are copied where they lie. */
  readonly agent_lives: boolean
}

const upload_within_ms = 30_000
const projects = ['.claude', 'projects']
const used_file = 'usage.json'

const restoreWorkspace = async ({ assignment, folders, scratch, stop }: SessionInput): Promise<void> => {
  const { workspace_url } = assignment.restore
  if (workspace_url === undefined || assignment.policy.workspace_access === 'none') return
  const archive = join(scratch, 'workspace.in.tar.gz')
  await download(workspace_url, archive, workspace_limits.archive_bytes_max, stop.hard)
  await unpackArchive(archive, folders.workspace, workspace_limits)
  await rm(archive)
}

/** The transcript lies in the agent's home; what the agent had used by then stays with the runner. */
const restoreTranscript = async ({ assignment, folders, scratch, stop, has_transcript }: SessionInput): Promise<ModelUsage | undefined> => {
  const { transcript_url } = assignment.restore
  if (transcript_url === undefined || !has_transcript) return undefined
  const archive = join(scratch, 'transcript.in.tar.gz')
  const unpacked = join(scratch, 'transcript.in')
  await mkdir(unpacked)
  await download(transcript_url, archive, transcript_limits.archive_bytes_max, stop.hard)
  await unpackArchive(archive, unpacked, transcript_limits)
  if (!(await isRealFolder(unpacked, 'projects'))) return undefined
  await mkdir(join(folders.home, '.claude'), { recursive: true })
  await rename(join(unpacked, 'projects'), join(folders.home, ...projects))
  const used = ModelUsage.safeParse(JSON.parse(await readFile(join(unpacked, used_file), 'utf8').catch(() => '{}')))
  return used.success ? used.data : ModelUsage.parse({})
}

type SavedOne = { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly error: Failure }

const saveFolder = async (input: SessionInput, turn: number, kind: FileKind, folder: string, limits: ArchiveLimits): Promise<SavedOne> => {
  const archive = join(input.scratch, `${kind}.out.tar.gz`)
  const packed = await packFolder(kind, folder, archive, limits)
  if (!packed.ok) return packed
  const answer = await input.plane.upload({ kind, bytes: packed.bytes, turn }, { within_ms: upload_within_ms, signal: input.stop.hard })
  if (!answer.ok) {
    if (answer.why === 'superseded') input.stop.request('superseded')
    return { ok: false, error: { code: 'save_failed', message: `the session's ${kind} could not be saved: ${answer.why}`, retryable: true } }
  }
  await upload(answer.value.url, archive, input.stop.hard)
  return packed
}

/** What the agent put among its transcripts that is no file, folder or link of its own is nobody's. */
const isKept = async (path: string): Promise<boolean> => {
  const stat = await lstat(path)
  return stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()
}

/** Puts transcript and usage side by side in a folder of the runner's, then saves that. An agent that has ended gets its transcript back after. */
const saveTranscript = async (input: SessionInput, { turn, agent_lives }: SaveRequest, used_now: ModelUsage): Promise<SavedOne | undefined> => {
  if (!(await isRealFolder(input.folders.home, ...projects))) return undefined
  const staged = join(input.scratch, 'transcript.out')
  const [theirs, ours] = [join(input.folders.home, ...projects), join(staged, 'projects')]
  await rm(staged, { recursive: true, force: true })
  await mkdir(staged)
  if (agent_lives) await cp(theirs, ours, { recursive: true, verbatimSymlinks: true, filter: isKept })
  else await rename(theirs, ours)
  try {
    await writeFile(join(staged, used_file), JSON.stringify(used_now))
    return await saveFolder(input, turn, 'transcript', staged, transcript_limits)
  } finally {
    if (!agent_lives) await rename(ours, theirs)
  }
}

const saveFailure = (error: unknown): Failure => ({
  code: 'save_failed',
  message: error instanceof Error ? error.message : 'the session could not be saved',
  retryable: true,
})

/** Loads what the session has. Throws where it cannot: an attempt without its session's memory must not run. */
export const restoreSession = async (input: SessionInput): Promise<SessionFiles> => {
  const [, used_before] = await Promise.all([restoreWorkspace(input), restoreTranscript(input)])
  let known = await folderState(input.folders.workspace)
  const saveWorkspace = async (turn: number): Promise<SavedOne | undefined> => {
    if (input.assignment.policy.workspace_access !== 'rw') return undefined
    const now = await folderState(input.folders.workspace)
    if (now.fingerprint === known.fingerprint) return undefined
    const saved = await saveFolder(input, turn, 'workspace', input.folders.workspace, workspace_limits)
    if (saved.ok) known = now
    return saved
  }
  return {
    used_before,
    save: async (request) => {
      let saved: Saved = {}
      let error: Failure | undefined
      const keep = async (save: Promise<SavedOne | undefined>, field: keyof Saved): Promise<void> => {
        const one = await save.catch((thrown: unknown): SavedOne => ({ ok: false, error: saveFailure(thrown) }))
        if (one?.ok === true) saved = { ...saved, [field]: one.bytes }
        else if (one !== undefined) error = one.error
      }
      await keep(saveWorkspace(request.turn), 'workspace_bytes')
      if (request.used_now !== undefined) await keep(saveTranscript(input, request, request.used_now), 'transcript_bytes')
      const some = Object.keys(saved).length === 0 ? undefined : saved
      return error === undefined ? { ok: true, saved: some } : { ok: false, error, saved: some }
    },
  }
}

/** The agent names the folder of a transcript after its working folder: every character but letters and digits becomes a dash. */
export const transcriptFolder = (cwd: string): string => cwd.replace(/[^A-Za-z0-9]/g, '-')

/** Where the agent in `cwd` keeps the transcript `session_uuid`. */
export const transcriptPath = (home: string, session_uuid: string, cwd: string): string =>
  join(home, ...projects, transcriptFolder(cwd), `${session_uuid}.jsonl`)

/**
 * Whether the agent's home holds the transcript `session_uuid`, after moving it to where an agent in `cwd` looks for it: the run before
 * may have worked in another folder.
 */
export const placeTranscript = async (home: string, session_uuid: string, cwd: string): Promise<boolean> => {
  const root = join(home, ...projects)
  if (!(await isRealFolder(home, ...projects))) return false
  const wanted = transcriptFolder(cwd)
  for (const name of await readdir(root)) {
    const found = (await isRealFolder(root, name)) && (await readdir(join(root, name))).includes(`${session_uuid}.jsonl`)
    if (!found) continue
    if (name !== wanted) {
      await rm(join(root, wanted), { recursive: true, force: true })
      await rename(join(root, name), join(root, wanted))
    }
    return true
  }
  return false
}
