import * as z from 'zod';
import type { Route } from '../contracts/route.ts';
import { routes } from '../contracts/routes.ts';

type Json = Record<string, unknown>;

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' }, next: { type: 'string' } },
    },
  },
};

/** The OpenAPI 3.1 document of `contracts/routes.ts`. */
export function openApiOf(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = route.path.replace(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Agora server', version },
    components: {
      securitySchemes: {
        user: { type: 'http', scheme: 'bearer', description: 'A token of `agora login`.' },
        agent: {
          type: 'http',
          scheme: 'Agora-Agent',
          description: 'Session, sequence number and Ed25519 signature of a registered agent.',
        },
      },
      schemas: { Error: errorSchema },
    },
    paths,
  };
}

function operationOf(operationId: string, route: Route): Json {
  const { access, body, reply, summary } = route;
  const security = access === 'public' ? [] : [{ [access === 'agent' ? 'agent' : 'user']: [] }];
  return {
    operationId,
    summary,
    ...(access !== 'public' && access !== 'agent' && { description: `For the role ${access} and those above it.` }),
    security,
    parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)],
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body, 'input') } }),
    responses: {
      [reply === 'nothing' ? '204' : '200']: {
        description: 'It was done.',
        ...(reply !== 'nothing' && { content: contentOf(reply, 'output') }),
      },
      default: {
        description: 'It was refused, or could not be done.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function parametersOf(place: 'path' | 'query', fields: z.ZodObject | undefined): Json[] {
  if (fields === undefined) return [];
  const schema = jsonSchemaOf(fields, 'input') as { properties?: Record<string, Json>; required?: string[] }; // Of an object.
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || schema.required?.includes(name) === true,
    schema: property,
  }));
}

function contentOf(shape: z.ZodType | 'bytes' | 'text', io: 'input' | 'output'): Json {
  if (shape === 'bytes') return { 'application/octet-stream': {} };
  if (shape === 'text') return { 'text/plain': {} };
  return { 'application/json': { schema: jsonSchemaOf(shape, io) } };
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
