/** What the fake plane knows of a run's turns, inputs and questions. By the rules of the protocol, in memory, for one run at a time. */
import {
  Question,
  TakeInputs,
  TurnEnd,
  type Answer,
  type Assignment,
  type Finish,
  type FinishAnswer,
  type HeartbeatAnswer,
  type QuestionAnswer,
  type TakeInputsAnswer,
} from '../../shared/contract/runner-protocol.ts'
import { ApprovalId, InputId } from '../../shared/domain/ids.ts'
import type { QueueMode } from '../../shared/domain/input.ts'

interface FakeInput {
  readonly id: InputId
  readonly seq: number
  readonly queue_mode: QueueMode
  readonly message: string
  taken?: { readonly attempt_no: number; readonly turn: number } | undefined
  /** The turn that consumed it, or the interrupt that left it behind. */
  consumed?: number
  superseded?: true
}
interface FakeQuestion {
  readonly question: Question
  readonly approval_id: ApprovalId
  /** How often it was asked. */
  asked: number
  answer?: Answer
}

export interface FakeConversation {
  readonly inputs: readonly FakeInput[]
  readonly questions: ReadonlyMap<string, FakeQuestion>
  readonly turns: readonly TurnEnd[]
  readonly takes: readonly { readonly request: TakeInputs; readonly answer: TakeInputsAnswer }[]
  readonly attempt_no: number
  /** Another attempt of the same run begins: what the one before had taken waits again. */
  nextAttempt(): void
  add(queue_mode: QueueMode, message: string): FakeInput
  answer(tool_use_id: string, action: Answer['action'], reason?: string): void
  /** Questions from now on are answered at once. */
  answerAtOnce(action: Answer['action']): void
  /** What the assignment of the attempt says beyond the command. */
  assigned(): Pick<Assignment, 'attempt_no' | 'turn' | 'begins_with' | 'inputs_wait' | 'answers'>
  heard(): Pick<HeartbeatAnswer, 'inputs_wait' | 'answers'>
  take(body: unknown): TakeInputsAnswer | undefined
  endTurn(body: unknown): { readonly inputs_wait: boolean } | undefined
  ask(body: unknown): QuestionAnswer
  /** Undefined where an input came before the end: nothing is recorded then. */
  finish(finish: Finish): FinishAnswer | undefined
}

const idOf = (prefix: string, n: number): string => `${prefix}_01J8ZQ4M2N3P4Q5R6S7T8V${String(n).padStart(4, '0')}`

export const createFakeConversation = (): FakeConversation => {
  const inputs: FakeInput[] = []
  const questions = new Map<string, FakeQuestion>()
  const turns: TurnEnd[] = []
  const takes: { request: TakeInputs; answer: TakeInputsAnswer }[] = []
  let attempt_no = 1
  let saved_turns = 0
  let parked: 'question' | 'input' | undefined
  let at_once: Answer['action'] | undefined

  const pending = () => inputs.filter((input) => input.consumed === undefined && input.superseded === undefined)
  const takenFor = (turn: number) => pending().filter((input) => input.taken?.attempt_no === attempt_no && input.taken.turn === turn)
  const waiting = () => pending().filter((input) => input.taken?.attempt_no !== attempt_no)
  const answers = () => [...questions.values()].flatMap(({ answer }) => answer ?? [])

  const answered = (how: TakeInputsAnswer['how'], turn: number, taken: readonly FakeInput[]): TakeInputsAnswer => ({
    how,
    turn,
    inputs: taken.map(({ id, seq, queue_mode, message }) => ({ id, seq, queue_mode, message })),
  })
  const hold = (turn: number, taken: readonly FakeInput[]) => {
    for (const input of taken) input.taken = { attempt_no, turn }
  }
  const choose = ({ turn, open }: TakeInputs): TakeInputsAnswer => {
    const held = takenFor(turn + 1)
    if (held.length > 0) return answered('interrupt', turn + 1, held)
    const same = takenFor(turn)
    if (!open && same.length > 0) return answered('turn', turn, same)
    const interrupt = waiting().findLast(({ queue_mode }) => queue_mode === 'interrupt')
    if (interrupt !== undefined) {
      for (const input of waiting()) if (input.seq < interrupt.seq) input.superseded = true
      const of = open ? turn + 1 : turn
      hold(of, [interrupt])
      return answered(open ? 'interrupt' : 'turn', of, [interrupt])
    }
    const [first] = waiting()
    if (open) {
      hold(
        turn,
        waiting().filter(({ queue_mode }) => queue_mode === 'steer'),
      )
      const steers = takenFor(turn).filter(({ queue_mode }) => queue_mode === 'steer')
      return answered(steers.length === 0 ? 'nothing' : 'steer', turn, steers)
    }
    if (first === undefined) return answered('nothing', turn, [])
    hold(turn, first.queue_mode === 'collect' ? waiting().filter(({ queue_mode }) => queue_mode === 'collect') : [first])
    return answered('turn', turn, takenFor(turn))
  }
  const end = (turn: number) => {
    for (const input of takenFor(turn)) input.consumed = turn
    saved_turns = turn
  }

  return {
    inputs,
    questions,
    turns,
    takes,
    get attempt_no() {
      return attempt_no
    },
    nextAttempt: () => void (attempt_no += 1),
    add: (queue_mode, message) => {
      const seq = inputs.length + 1
      const input: FakeInput = { id: InputId.parse(idOf('inp', seq)), seq, queue_mode, message }
      inputs.push(input)
      return input
    },
    answer: (tool_use_id, action, reason) => {
      const asked = questions.get(tool_use_id)
      if (asked === undefined) throw new Error(`nobody asked about ${tool_use_id}`)
      asked.answer = { approval_id: asked.approval_id, tool_use_id, action, ...(reason === undefined ? {} : { reason }) }
    },
    answerAtOnce: (action) => void (at_once = action),
    assigned: () => ({
      attempt_no,
      turn: saved_turns + 1,
      begins_with: parked === 'question' ? 'answer' : saved_turns > 0 ? 'inputs' : 'message',
      inputs_wait: waiting().length > 0,
      answers: parked === 'question' ? answers() : [],
    }),
    heard: () => ({
      ...(waiting().length === 0 ? {} : { inputs_wait: true }),
      ...(answers().length === 0 ? {} : { answers: answers() }),
    }),
    take: (body) => {
      const request = TakeInputs.parse(body)
      if (request.turn !== saved_turns + 1) return undefined
      const answer = choose(request)
      takes.push({ request, answer })
      return answer
    },
    endTurn: (body) => {
      const said = TurnEnd.parse(body)
      if (said.turn !== saved_turns + 1 && said.turn !== saved_turns) return undefined
      if (said.turn > saved_turns) {
        turns.push(said)
        end(said.turn)
      }
      return { inputs_wait: pending().length > 0 }
    },
    ask: (body) => {
      const question = Question.parse(body)
      const { tool_use_id } = question
      const known = questions.get(tool_use_id) ?? { question, approval_id: ApprovalId.parse(idOf('apr', questions.size + 1)), asked: 0 }
      questions.set(tool_use_id, known)
      known.asked += 1
      if (at_once !== undefined) known.answer = { approval_id: known.approval_id, tool_use_id, action: at_once }
      const { approval_id, answer } = known
      return { approval_id, expires_at: new Date(Date.now() + 3_600_000).toISOString(), ...(answer === undefined ? {} : { answer }) }
    },
    finish: (said) => {
      if (said.outcome !== 'ok') return { recorded: true }
      if (said.parks !== 'question') {
        if (waiting().length > 0) return undefined
        if (said.turn !== undefined) end(said.turn)
      }
      parked = said.parks
      return { recorded: true }
    },
  }
}
