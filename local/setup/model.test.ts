import { expect, test } from 'vitest'
import { chooseModel } from './model.ts'

const keys = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKIAOWN', AWS_SECRET_ACCESS_KEY: 'own-secret' }

test('Bedrock: the runner signs with the credentials of the environment, and no parameter asks an STS that is not there', async () => {
  const model = await chooseModel({ CLAUDE_CODE_USE_BEDROCK: '1', ANTHROPIC_API_KEY: 'unused', AWS_PROFILE: 'other', ...keys })
  expect(model).toMatchObject({ parameters: {}, secrets: {}, environment: { ...keys, LANEKEEPER_MODEL_PROVIDER: 'bedrock' } })
  expect(Object.keys(model.environment)).toHaveLength(4)
  expect(model.label).toContain('Bedrock in eu-central-1')
  expect(model.label).not.toContain('own-secret')
})

test('Bedrock with a session’s credentials says that they end', async () => {
  const model = await chooseModel({ CLAUDE_CODE_USE_BEDROCK: '1', ...keys, AWS_SESSION_TOKEN: 'token' })
  expect(model.environment).toMatchObject({ AWS_SESSION_TOKEN: 'token' })
  expect(model.label).toContain('until its session ends')
})

test('Bedrock without what it takes is refused with the names that are missing', async () => {
  await expect(chooseModel({ CLAUDE_CODE_USE_BEDROCK: '1', AWS_REGION: 'eu-central-1', AWS_SECRET_ACCESS_KEY: '' })).rejects.toThrow(
    /needs AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in the environment/,
  )
})

test('the parameter that has credentials vended is not offered here, and what to set instead is said', async () => {
  await expect(chooseModel({}, { ModelProvider: 'bedrock' })).rejects.toThrow(/STS.*not emulated.*CLAUDE_CODE_USE_BEDROCK=1/)
})

test('a key for Anthropic goes where the container has its secrets', async () => {
  expect(await chooseModel({ ANTHROPIC_API_KEY: 'sk-ant-x' })).toMatchObject({
    secrets: { ANTHROPIC_API_KEY: 'sk-ant-x' },
    parameters: { ModelProvider: 'anthropic' },
  })
})

test('without any, a scripted model answers, and is called that', async () => {
  const model = await chooseModel({})
  expect(model.label).toContain('SCRIPTED')
  await model.close()
})
