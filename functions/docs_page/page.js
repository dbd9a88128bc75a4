// Shows the description that stands beside the page, and the image of the food that was answered last.
(() => {
  const figure = document.getElementById("image");

  const show = (food) => {
    const image = figure.querySelector("img");
    image.src = food.food_image;
    image.alt = food.title;
    figure.querySelector("figcaption").textContent = food.title;
    figure.hidden = false;
  };

  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    // No badge of a validator elsewhere.
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
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
