/** Which model the agent asks: one that the environment names, else the example's own. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { AnyLanguageModel } from 'holdfast'
import { MODEL_NAME } from './model-server.ts'

/** Where the provider of a package is not exported under the package's own name. */
const EXPORTED_AS: { readonly [provider: string]: string } = { 'amazon-bedrock': 'bedrock', 'google-vertex': 'vertex' }

export function describeModel(spec: string | undefined): string {
  return spec || `${MODEL_NAME} (the example's own; HOLDFAST_MODEL=anthropic:… for a real one)`
}

/**
 * The model of a spec such as `anthropic:claude-sonnet-4-5` or `openai:gpt-5`, by the AI SDK's package for the provider.
 * Without a spec, the model at `url`.
 */
export async function chooseModel(spec: string | undefined, url: string | undefined): Promise<AnyLanguageModel> {
  if (spec) return loadModel(spec)
  if (!url) throw new Error('Neither HOLDFAST_MODEL nor the URL of a model server is given.')
  return createOpenAICompatible({ name: 'travel', baseURL: url, includeUsage: true })(MODEL_NAME)
}

export async function loadModel(spec: string): Promise<AnyLanguageModel> {
  const [, provider, modelId] = spec.match(/^([a-z0-9-]+):(.+)$/) ?? []
  if (!provider || !modelId) {
    throw new Error(
      `HOLDFAST_MODEL=${spec} is not provider:model, e.g. anthropic:claude-sonnet-4-5. Then: npm i @ai-sdk/anthropic`,
    )
  }
  const name = `@ai-sdk/${provider}`
  const exported = EXPORTED_AS[provider] ?? provider.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const create = (await importProvider(name, spec))[exported]
  if (typeof create !== 'function')
    throw new Error(`HOLDFAST_MODEL=${spec}: ${name} has no export '${exported}' that makes models.`)
  return (create as (modelId: string) => AnyLanguageModel)(modelId)
}

async function importProvider(name: string, spec: string): Promise<{ readonly [name: string]: unknown }> {
  try {
    return (await import(name)) as { readonly [name: string]: unknown }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(`HOLDFAST_MODEL=${spec} needs the package ${name}: npm i ${name}`, { cause: error })
  }
}
