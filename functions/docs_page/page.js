// Starts Swagger UI with the OpenAPI document of this server, and shows the image of the last food in a response.
(() => {
  const figure = document.getElementById("image");

  const show = (food) => {
    const image = figure.querySelector("img");
    image.src = food.food_image;
    image.alt = food.title;
    figure.querySelector("figcaption").textContent = food.title;
    figure.hidden = false;
  };

  // Swagger UI selects the first media type. Select the form: the JSON body needs the id of an upload.
  const putFormsFirst = (api) => {
    for (const { requestBody } of Object.values(api.paths).flatMap(Object.values)) {
      const form = requestBody?.content["multipart/form-data"];
      if (form) {
        requestBody.content = { "multipart/form-data": form, ...requestBody.content };
      }
    }
    return api;
  };

  const formsFirst = () => ({
    statePlugins: {
      spec: { wrapActions: { updateJsonSpec: (update) => (api) => update(putFormsFirst(api)) } },
    },
  });

  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    // No validator badge: it would load from another host.
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [formsFirst],
    responseInterceptor: (response) => {
      const body = response.body ?? response.obj;
      const food = body?.food ?? body;
      if (typeof food?.food_image === "string") {
        show(food);
      }
      return response;
    },
  });
})();
