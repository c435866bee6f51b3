/** The one image of both containers of a sandbox task. Built when it is deployed; synth only hashes its sources. */
import { IgnoreMode } from 'aws-cdk-lib'
import { Platform } from 'aws-cdk-lib/aws-ecr-assets'
import { ContainerImage } from 'aws-cdk-lib/aws-ecs'

/** What the build may see, so that its hash, and a deploy, changes only with what is in the image. */
const sources = ['package.json', 'package-lock.json', 'tsconfig.base.json', 'runner', 'shared']

export const runnerImage = (root: string): ContainerImage =>
  ContainerImage.fromAsset(root, {
    file: 'runner/Dockerfile',
    platform: Platform.LINUX_ARM64,
    ignoreMode: IgnoreMode.DOCKER,
    exclude: ['*', ...sources.map((path) => `!${path}`), '**/*.test.ts', '**/*.md', '**/tsconfig.json'],
  })
